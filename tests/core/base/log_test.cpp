#include "core/base/log.hpp"

#include "tests/support/files_and_output.hpp"
#include "tests/support/catch.hpp"

using namespace sluice;
using namespace sluice::testing;

TEST_CASE("a footer stays below the printed lines and garbles none") {
  const std::string bytes = captured(STDOUT_FILENO, [] {
    set_log_footer("a long footer that must go away");
    log_info("first");
    set_log_footer("short");
    log_info("second line");
  });
  const auto screen = screen_after(bytes);
  REQUIRE(screen == std::vector<std::string>{"first", "second line", "short"});
  const std::string rest = captured(STDOUT_FILENO, [] {
    set_log_footer("");
    log_info("third");
  });
  REQUIRE(screen_after("short" + rest) == std::vector<std::string>{"third", ""});
}

TEST_CASE("a warning takes the footer away itself, in whatever order the two streams arrive") {
  std::string errors;
  const std::string output = captured(STDOUT_FILENO, [&] {
    errors = captured(STDERR_FILENO, [] {
      set_log_footer("a footer");
      log_warning("careful");
    });
    set_log_footer("");
  });
  REQUIRE(errors == "\r\x1b[Kwarning: careful\n");
  REQUIRE(output == "\ra footer\x1b[K\ra footer\x1b[K\r\x1b[K");
  REQUIRE(screen_after("\ra footer\x1b[K" + errors + "\ra footer\x1b[K") == std::vector<std::string>{"warning: careful", "a footer"});
  REQUIRE(screen_after("\ra footer\x1b[K\ra footer\x1b[K" + errors) == std::vector<std::string>{"warning: careful", ""});
}

TEST_CASE("without a footer nothing but the lines is written") {
  REQUIRE(captured(STDOUT_FILENO, [] {
            set_log_footer("");
            log_info("x = {}", 1);
          }) == "x = 1\n");
}

TEST_CASE("the log file has every line with a stamp, those for the file alone too") {
  const TemporaryDirectory folder;
  const auto path = folder.path() / "log.txt";
  set_log_file(path.string());
  const std::string bytes = captured(STDOUT_FILENO, [] {
    log_info("both");
    log_to_file("file only");
  });
  set_log_file("");
  log_to_file("nowhere");
  REQUIRE(bytes == "both\n");
  const std::string text = read_file(path);
  REQUIRE(text.size() == 2 * 20 + std::string("both\nfile only\n").size());
  REQUIRE(text.substr(20, 5) == "both\n");
  REQUIRE(text.substr(45) == "file only\n");
  REQUIRE(text[4] == '-');
  REQUIRE(text[13] == ':');
}

TEST_CASE("a log file that cannot be written is warned of once") {
  const std::string warning = captured(STDERR_FILENO, [] {
    set_log_file("/dev/full");
    log_to_file("a line");
    log_to_file("another");
    set_log_file("");
  });
  CHECK(warning == "warning: /dev/full: writing failed: No space left on device; it ends here\n");
  const TemporaryDirectory folder;
  CHECK(captured(STDERR_FILENO, [&] { set_log_file(folder.path().string()); }) ==
        "warning: " + folder.path().string() + ": cannot be written: Is a directory\n");
}
