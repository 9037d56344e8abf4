"""What TensorBoard finds in a folder, as JSON: read.py FOLDER. Needs tensorboard (and setuptools, which it imports)."""

import json
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import plugin_data_pb2

found = EventAccumulator(sys.argv[1], size_guidance={"scalars": 0, "images": 0, "tensors": 0})
found.Reload()
tags = found.Tags()
content = found.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
settings = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info.hparams
ended = found.SummaryMetadata("_hparams_/session_end_info").plugin_data.content
texts = [event.tensor_proto.string_val[0].decode() for event in found.Tensors("config")]
print(
    json.dumps(
        {
            "scalars": {tag: [[event.step, event.value] for event in found.Scalars(tag)] for tag in tags["scalars"]},
            "images": {
                tag: [[event.step, event.width, event.height, event.encoded_image_string[:4].hex()] for event in found.Images(tag)]
                for tag in tags["images"]
            },
            "settings": {key: getattr(value, value.WhichOneof("kind")) for key, value in settings.items()},
            "status": plugin_data_pb2.HParamsPluginData.FromString(ended).session_end_info.status,
            "text": texts[-1],
        }
    )
)
