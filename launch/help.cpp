#include "launch/help.hpp"

namespace sluice::help {

const Text kSluice = {"Sluice trains mixture-of-experts models from a dense start, on anything mpirun reaches.",
                      "A MODEL is a run (runs/NAME, its last checkpoint), RUN@STEP, a checkpoint folder or a Hugging Face folder.\n"
                      "Examples:\n"
                      "  sluice train recipes/tiny.yaml\n"
                      "  mpirun -np 2 build/sluice train recipes/quickstart.yaml parallel.expert=2\n"
                      "  sluice generate runs/quickstart --prompt \"The word\"\n"
                      "Exit codes: 0 done, 2 bad usage or recipe, 3 bad data or checkpoint, 4 communication failure,\n"
                      "            5 training diverged, 6 out of memory, 75 stopped on request with a checkpoint."};

const Text kTrain = {"Train as a recipe says; alone it is one rank, under mpirun all of them. A run that was begun goes on.",
                     "Examples:\n"
                     "  sluice train recipes/tiny.yaml\n"
                     "  mpirun -np 4 build/sluice train recipes/quickstart.yaml parallel.expert=4\n"
                     "  sluice train recipes/quickstart.yaml name=mine train.learning_rate=5e-4 stages.dense.max_steps=20\n"
                     "All recipe keys: recipes/KEYS.md. SIGUSR1, to mpirun or a rank, stops with a checkpoint (exit code 75);\n"
                     "mpirun itself kills its ranks a second after Ctrl-C, SIGTERM or SIGHUP, saved or not."};

const Text kEval = {"Loss, bits per byte and word perplexity of a model on text; runs under mpirun too.",
                    "Examples:\n"
                    "  sluice eval runs/quickstart\n"
                    "  sluice eval runs/quickstart@500 --data corpus/test.txt --data more/ --json\n"
                    "  sluice eval path/to/hf-folder --tokens 1,2,3"};

const Text kGenerate = {"Continue a text.",
                        "Examples:\n"
                        "  sluice generate runs/quickstart --prompt \"The word\"\n"
                        "  sluice generate runs/quickstart@300 --prompt \"The word\" --temperature 0 --max-tokens 40"};

const Text kInspect = {"Show what a run or checkpoint holds, check its checksums, or compare it with another.",
                       "Examples:\n"
                       "  sluice inspect runs/quickstart\n"
                       "  sluice inspect runs/quickstart@300 --diff runs/quickstart@400 --json"};

const Text kTokenize = {"Train a tokenizer, or use one: text to ids, ids to text, or counts.",
                        "Examples:\n"
                        "  sluice tokenize train corpus/*.txt --vocab-size 4096 --output tokenizer.json\n"
                        "  sluice tokenize encode --tokenizer tokenizer.json --text \"Hello world\"\n"
                        "  sluice tokenize decode --tokenizer runs/quickstart 40,69,76,76,79\n"
                        "  sluice tokenize count --tokenizer tokenizer.json corpus/"};

const Text kTokenizeTrain = {"Train a byte-level BPE on text and write a Hugging Face tokenizer.json.",
                             "Example:\n"
                             "  sluice tokenize train corpus/*.txt --vocab-size 4096 --output tokenizer.json"};

const Text kTokenizeEncode = {"Print the ids of a text.",
                              "Examples:\n"
                              "  sluice tokenize encode --tokenizer tokenizer.json --text \"Hello world\"\n"
                              "  sluice tokenize encode --tokenizer tokenizer.json corpus/page.txt"};

const Text kTokenizeDecode = {"Print the text of ids.",
                              "Example:\n"
                              "  sluice tokenize decode --tokenizer tokenizer.json 40,69,76,76,79"};

const Text kTokenizeCount = {"Print bytes, words and tokens of text.",
                             "Example:\n"
                             "  sluice tokenize count --tokenizer tokenizer.json corpus/"};

const Text kData = {"Look at multimodal data before a model does, make some, or judge answers.",
                    "Examples:\n"
                    "  sluice data make-scenes scenes --count 2000\n"
                    "  sluice data check scenes/train.jsonl"};

const Text kDataCheck = {
    "Read every sample, decode every picture and sound, and count what is there and what cannot be used.",
    "PATH is a manifest (.jsonl), an IDX file of pictures, a folder with a folder for each label, a table (.csv, .tsv) or a\n"
    "VQA questions file (.json). Exit code 3 if something in it cannot be used; the first eight are named.\n"
    "Examples:\n"
    "  sluice data check scenes/train.jsonl\n"
    "  sluice data check pets/\n"
    "  sluice data check reviews.tsv --columns ,label,,text --json"};

const Text kDataScore = {"Judge answers as the official code of VQA does, to the second decimal.",
                         "Where a question has one answer, it counts as that of ten annotators.\n"
                         "Example:\n"
                         "  sluice data score answers.json scenes/test.jsonl --json"};

const Text kDataMakeScenes = {
    "Make a labelled synthetic set: pictures of coloured shapes, captions, questions with answers.",
    "Writes images/, train.jsonl, validation.jsonl, test.jsonl and scenes.json. Where espeak-ng is installed it speaks the\n"
    "questions into speech/.\n"
    "Examples:\n"
    "  sluice data make-scenes scenes --count 2000\n"
    "  sluice data make-scenes more-scenes --count 2000 --size 96 --seed 3 --no-speech"};

const Text kBench = {"Measure a sparse layer, forward and backward, against a dense one of equal active width in the same run.",
                     "Examples:\n"
                     "  sluice bench moe\n"
                     "  sluice bench moe sweep=true\n"
                     "  sluice bench moe num_experts=64 hidden_size=512 rows=4096 repeats=9 --json"};

const Text kDoctor = {"Show what this machine has and what can be used: processor, memory, MPI, LibTorch, GPUs, NCCL, attention.",
                      "Exit code 2 if --device asks for what cannot be used.\n"
                      "Examples:\n"
                      "  sluice doctor\n"
                      "  sluice doctor --device cuda --json"};

}  // namespace sluice::help
