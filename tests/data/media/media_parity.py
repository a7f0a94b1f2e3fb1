#!/usr/bin/env python3
"""Writes pictures and sounds, and what Pillow, soundfile and transformers.audio_utils make of them, for media_parity_files_test.cpp.

usage: media_parity.py FOLDER

FOLDER/cases.jsonl has one case a line: what to do, the file to do it with, and the file of raw numbers that must come out.
"""
import json
import pathlib
import sys

import numpy as np
import soundfile
import torch
from PIL import Image
from transformers import audio_utils

FOLDER = pathlib.Path(sys.argv[1])
CASES = []
RANDOM = np.random.default_rng(17)


def case(**values):
    CASES.append(values)


def raw(name, array):
    (FOLDER / name).write_bytes(np.ascontiguousarray(array).tobytes())
    return name


def picture(height, width, channels):
    """Smooth shapes with edges and noise, so that filters that differ give other pixels."""
    y, x = np.mgrid[0:height, 0:width]
    planes = [127 + 90 * np.sin(x / (3 + c) + c) * np.cos(y / (5 + c)) + 60 * ((x + y * (c + 1)) % 11 < 4) for c in range(channels)]
    noisy = np.stack(planes, -1) + RANDOM.normal(0, 20, (height, width, channels))
    return np.clip(noisy, 0, 255).astype(np.uint8).squeeze()


def decoding(name, image, expected, channels, tolerance=0, **how):
    image.save(FOLDER / name, **how)
    expected = np.asarray(expected)
    case(do="decode", file=name, expected=raw(name + ".raw", expected), width=expected.shape[1], height=expected.shape[0], channels=channels,
         tolerance=tolerance)


def on_white(image):
    """What shows of a transparent picture before white, in exact arithmetic."""
    values = np.asarray(image.convert("RGBA")).astype(np.float64)
    alpha = values[..., 3:] / 255
    return np.rint(values[..., :3] * alpha + 255 * (1 - alpha)).astype(np.uint8)


def pictures():
    rgb = Image.fromarray(picture(37, 53, 3))
    grey = Image.fromarray(picture(23, 31, 1))
    decoding("rgb.png", rgb, rgb, 3)
    decoding("grey.png", grey, grey, 1)
    decoding("grey-as-rgb.png", grey, grey.convert("RGB"), 3)
    decoding("rgb-as-grey.png", rgb, rgb.convert("L"), 1)
    palette = rgb.quantize(37)
    decoding("palette.png", palette, palette.convert("RGB"), 3)
    few = rgb.quantize(3)
    decoding("two-bits.png", few, few.convert("RGB"), 3)
    black = grey.convert("1")
    decoding("one-bit.png", black, black.convert("L"), 1)
    see_through = rgb.quantize(16)
    see_through.info["transparency"] = 3
    decoding("palette-transparent.png", see_through, on_white(see_through), 3, 1)
    rgba = Image.fromarray(np.dstack([np.asarray(rgb), picture(37, 53, 1)]))
    decoding("rgba.png", rgba, on_white(rgba), 3, 1)
    deep = RANDOM.integers(0, 65536, (19, 22)).astype(np.uint16)
    decoding("sixteen-bits.png", Image.fromarray(deep), np.rint(deep / 257.0).astype(np.uint8), 1)
    # Decoders of other versions may round one step of a JPEG otherwise.
    for name, image, how in (("420", rgb, {"subsampling": 2}), ("444", rgb, {"subsampling": 0}), ("progressive", rgb, {"progressive": True}),
                             ("grey", grey, {})):
        file = FOLDER / f"{name}.jpg"
        image.save(file, quality=90, **how)
        decoding(f"{name}.jpg", image, Image.open(file), 1 if name == "grey" else 3, 2, quality=90, **how)
    cmyk = rgb.convert("CMYK")
    cmyk.save(FOLDER / "cmyk.jpg", quality=95)
    decoding("cmyk.jpg", cmyk, Image.open(FOLDER / "cmyk.jpg").convert("RGB"), 3, 2, quality=95)
    from PIL import ImageOps
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        for ending, how in (("png", {}), ("jpg", {"quality": 90})):
            name = f"turned-{orientation}.{ending}"
            rgb.save(FOLDER / name, exif=exif, **how)
            decoding(name, rgb, ImageOps.exif_transpose(Image.open(FOLDER / name)), 3, 0 if ending == "png" else 2, exif=exif, **how)


def resizing():
    filters = {"box": Image.BOX, "bilinear": Image.BILINEAR, "hamming": Image.HAMMING, "bicubic": Image.BICUBIC, "lanczos": Image.LANCZOS}
    for channels in (1, 3):
        image = Image.fromarray(picture(61, 83, channels))
        source = raw(f"source-{channels}.raw", np.asarray(image))
        for name, pillow in filters.items():
            for width, height in ((83, 61), (40, 61), (83, 20), (28, 28), (7, 90), (200, 150), (1, 1), (166, 31)):
                made = image.resize((width, height), pillow)
                case(do="resize", file=source, in_width=83, in_height=61, channels=channels, width=width, height=height, filter=name,
                     expected=raw(f"resized-{channels}-{name}-{width}-{height}.raw", np.asarray(made)))


def sounds():
    t = np.arange(3000) / 8000
    tone = 0.4 * np.sin(2 * np.pi * 440 * t) + 0.2 * np.sin(2 * np.pi * 1900 * t) + RANDOM.normal(0, 0.02, t.shape)
    stereo = np.stack([tone, -0.5 * np.roll(tone, 7)], -1)
    for ending, subtypes in (("wav", ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW")), ("flac", ("PCM_S8", "PCM_16", "PCM_24"))):
        for subtype in subtypes:
            for channels, samples in ((1, tone), (2, stereo)):
                name = f"{subtype}-{channels}.{ending}"
                soundfile.write(FOLDER / name, samples, 8000, subtype=subtype)
                read = soundfile.read(FOLDER / name, dtype="float32", always_2d=True)[0]
                case(do="sound", file=name, rate=8000, expected=raw(name + ".f32", read.astype(np.float64).mean(-1).astype(np.float32)), tolerance=1e-7)
    return tone.astype(np.float32)


def resampled(waveform, rate, wanted):
    """torchaudio.functional.resample's formula, as its documentation gives it, in float64 with one product for all."""
    common = np.gcd(rate, wanted)
    rate, wanted = rate // common, wanted // common
    base = min(rate, wanted) * 0.99
    reach = int(np.ceil(6 * rate / base))
    at = torch.arange(-reach, reach + rate, dtype=torch.float64)[None] / rate
    t = torch.arange(0, -wanted, -1, dtype=torch.float64)[:, None] / wanted + at
    t = (t * base).clamp(-6, 6)
    kernel = torch.special.sinc(t) * torch.cos(t * torch.pi / 12) ** 2 * base / rate
    padded = torch.nn.functional.pad(torch.from_numpy(waveform).double(), (reach, reach + rate))
    made = torch.nn.functional.conv1d(padded[None, None], kernel[:, None], stride=rate)[0].T.reshape(-1)
    return made[: int(np.ceil(wanted * len(waveform) / rate))].numpy()


def spectra(tone):
    source = raw("tone.f32", tone)
    for rate, wanted in ((8000, 16000), (16000, 8000), (44100, 16000), (8000, 11025), (8000, 8000)):
        case(do="resample", file=source, rate=rate, wanted=wanted, tolerance=2e-6,
             expected=raw(f"resampled-{rate}-{wanted}.f32", (resampled(tone, rate, wanted) if rate != wanted else tone).astype(np.float32)))
    for rate, window, hop, bands, low, high, scale, norm, size in (
            (8000, 256, 128, 40, 0, 4000, "slaney", True, 3000), (16000, 400, 160, 80, 0, 8000, "slaney", True, 3000),
            (8000, 200, 80, 24, 60, 3800, "htk", False, 2999), (8000, 256, 100, 32, 0, 4000, "htk", True, 129), (8000, 256, 128, 40, 0, 4000, "slaney", False, 3000)):
        filters = audio_utils.mel_filter_bank(1 + window // 2, bands, low, high, rate, norm="slaney" if norm else None, mel_scale=scale)
        spectrum = audio_utils.spectrogram(tone[:size], audio_utils.window_function(window, "hann"), frame_length=window, hop_length=hop, power=2.0,
                                           center=True, pad_mode="reflect", mel_filters=filters, mel_floor=1e-10, log_mel="log10")
        case(do="mel", file=source, size=size, rate=rate, window=window, hop=hop, bands=bands, low=low, high=high, scale=scale, area_norm=norm,
             tolerance=2e-5, expected=raw(f"mel-{len(CASES)}.f32", spectrum.T.astype(np.float32)))


def main():
    pictures()
    resizing()
    spectra(sounds())
    (FOLDER / "cases.jsonl").write_text("".join(json.dumps(each) + "\n" for each in CASES))
    print(f"{len(CASES)} cases")


main()
