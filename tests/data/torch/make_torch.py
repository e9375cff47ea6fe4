#!/usr/bin/env python3
"""Write small files with the torch that runs this: make_torch.py [FOLDER]. Names begin with its version.

VERSION-good-FORM.pt hold one state_dict in every form that torch.save has, VERSION-bad-WHAT.pt what is none.
Every tensor holds 0, 1, 2, ..., `rows` 3, 4, 5. Recorded with torch 1.4 (Python 2), 1.6, 1.13 and 2.13."""
import os
import sys
from collections import OrderedDict

import torch


def tensors():
    both = torch.arange(6.0)
    out = OrderedDict([("matrix", both.reshape(2, 3)), ("half", torch.arange(4.0).half()),
                       ("rows", both.reshape(2, 3)[1:]),
                       ("turned", torch.tensor([[0.0, 2.0, 4.0], [1.0, 3.0, 5.0]]).t()),
                       ("ids", torch.arange(5).reshape(1, 5)), ("scale", torch.tensor(0.0)),
                       ("brain", torch.arange(2.0).to(torch.bfloat16)), ("double", torch.arange(2.0).double()),
                       ("parameter", torch.nn.Parameter(torch.arange(2.0)))])
    out._metadata = OrderedDict([("", {"version": 1})])
    return out


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    version = torch.__version__.split("+")[0]

    def path(name):
        return os.path.join(folder, version + "-" + name + ".pt")

    if version[:3] in ("1.4", "1.5"):  # these write the older format only; 1.4 under Python 2 too
        torch.save(tensors(), path("good-python%d" % sys.version_info[0]))
        return
    torch.save(tensors(), path("good-zip"))
    torch.save(tensors(), path("good-legacy"), _use_new_zipfile_serialization=False)
    torch.save(dict(tensors()), path("good-protocol4"), pickle_protocol=4)
    torch.save({"epoch": 3, "loss": 0.5, "state_dict": tensors(), "names": ["a", ("b", None)]}, path("good-training"))
    torch.save(torch.nn.Linear(2, 2), path("bad-module"))
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), path("bad-script"))
    torch.save(torch.ones(2), path("bad-tensor"))
    torch.save([torch.ones(2)], path("bad-list"), _use_new_zipfile_serialization=False)


if __name__ == "__main__":
    main()
