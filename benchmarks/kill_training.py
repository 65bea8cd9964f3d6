"""Train once undisturbed and once killed at random, and compare the checkpoints.

Run by hand, for as long as the training takes twice::

    python benchmarks/kill_training.py --dataset minimatch --method matr --epochs 150

Each training is a process of its own, killed with SIGKILL at moments drawn over its whole length.
"""

from __future__ import annotations

import argparse
import itertools
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from vid2vidmr.data.dataset import load_dataset
from vid2vidmr.experiments.run import Setting
from vid2vidmr.files import file_sha256


def train(options: argparse.Namespace, folder: Path) -> None:
    setting = Setting.of(
        load_dataset(options.dataset), options.method, options.preset, options.encoder
    )
    if options.epochs is not None:
        setting = replace(setting, config=replace(setting.config, epochs=options.epochs))
    setting.fitted(folder, options.seed)


def start(folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, *sys.argv, "--train", str(folder)])


def finish(folder: Path) -> float:
    """Train to the end; give the seconds it took."""
    started = time.monotonic()
    if start(folder).wait() != 0:
        sys.exit("The training failed.")
    return time.monotonic() - started


def position(folder: Path) -> str:
    import torch

    if (folder / "method.json").exists():
        return "after its end"
    if not (folder / "training.pt").exists():
        return "before its first state"
    epoch, step, _ = torch.load(folder / "training.pt", weights_only=True)["position"]
    return f"with a state of epoch {epoch + 1}, step {step}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default="minimatch")
    parser.add_argument("--method", default="matr")
    parser.add_argument("--preset", default="small")
    parser.add_argument("--encoder")
    parser.add_argument("--epochs", type=int, help="instead of the preset's")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("runs/kill_training"))
    parser.add_argument("--train", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.train is not None:
        train(options, options.train)
        return
    whole, killed = options.out / "whole", options.out / "killed"
    if whole.exists() or killed.exists():
        sys.exit(f"{options.out} holds an earlier comparison: delete it or choose another --out.")
    length_s = finish(whole)
    print(f"undisturbed: {length_s:.0f} s", flush=True)
    # Differences of moments drawn over the whole length: attempts of random length.
    rng = random.Random(options.seed)
    moments = [0.0, *sorted(rng.uniform(0, length_s) for _ in range(options.kills))]
    for first, second in itertools.pairwise(moments):
        process = start(killed)
        time.sleep(second - first)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        if process.wait() not in (0, -signal.SIGKILL):
            sys.exit("The training failed.")
        print(f"killed after {second - first:.0f} s, {position(killed)}", flush=True)
    finish(killed)
    hashes = [file_sha256(folder / "model.safetensors") for folder in (whole, killed)]
    print(f"undisturbed {hashes[0]}\nkilled      {hashes[1]}")
    sys.exit(0 if hashes[0] == hashes[1] else "The checkpoints differ.")


if __name__ == "__main__":
    main()
