"""Reads the folder tensorboard/ (written by `go test -run TestTensorBoardFiles -update .`) with real TensorBoard and writes what it shows to tensorboard.json.

Run it here with the peers' python (TensorBoard 2.21) after a change of the files, and look at what changed.
"""
import json, math
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.util import tensor_util

mux = EventMultiplexer(tensor_size_guidance={"scalars": 0, "images": 0, "histograms": 0}, purge_orphaned_data=True)
mux.AddRunsFromDirectory("tensorboard").Reload()
out = {}


def plain(a):
    if isinstance(a, bytes):
        return a.decode("latin-1") if len(a) < 8 else f"{len(a)} bytes, {a[:8]!r}"
    if isinstance(a, list):
        return [plain(x) for x in a]
    return str(a) if isinstance(a, float) and not math.isfinite(a) else a


for run, plugins in mux.Runs().items():
    for tag in sorted(mux.GetAccumulator(run).Tags()["tensors"]):
        plugin = mux.SummaryMetadata(run, tag).plugin_data.plugin_name
        out[tag] = {"plugin": plugin, "events": [
            {"step": e.step, "time": e.wall_time, "value": plain(tensor_util.make_ndarray(e.tensor_proto).tolist())} for e in mux.Tensors(run, tag)]}
with open("tensorboard.json", "w") as f:
    json.dump(out, f, indent=1)
    f.write("\n")
print(len(out), "tags")
