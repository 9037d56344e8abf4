"""Repeats a trace of one training step in PyTorch, eagerly: forward, backward, RAdam and the moving average.

Called with the folder of the trace, a device, a number of threads, a number format (f32, tf32, or bf16 by autocast), and how
it runs: eager, eager with images channels-last in memory (channels_last), or that with the forward pass compiled (compile). Prints its name and the first loss, then for each line on
standard input, a time in seconds, the steps a second over that time; at the end of its input, its peak memory in MiB.
"""

import json
import math
import os
import resource
import sys
import time

import torch
import torch.nn.functional as F

FOLDER, DEVICE, THREADS, FORMAT, MODE = sys.argv[1:]
with open(f"{FOLDER}/trace.json") as file:
    TRACE = json.load(file)
VALUES = torch.from_file(f"{FOLDER}/values.f32", size=os.path.getsize(f"{FOLDER}/values.f32") // 4)
torch.set_num_threads(int(THREADS))
# As our engine sets them: f32 means f32, and the fastest algorithm of each convolution is found by trying.
torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = FORMAT == "tf32"
torch.backends.cudnn.benchmark = True


def layer_norm(x, scale, bias, eps):
    if x.dim() == 2:
        return F.layer_norm(x, scale.shape, scale, bias, eps)
    return F.layer_norm(x.permute(0, 2, 3, 1), scale.shape, scale, bias, eps).permute(0, 3, 1, 2)


def operation(op, a):
    """The call of one line, as a function of its operands; `a` are its arguments."""
    return {
        "add": lambda: torch.add,
        "sub": lambda: torch.sub,
        "mul": lambda: torch.mul,
        "div": lambda: torch.div,
        "exp": lambda: torch.exp,
        "log": lambda: torch.log,
        "sqrt": lambda: torch.sqrt,
        "recip": lambda: torch.reciprocal,
        "square": lambda: torch.square,
        "sin": lambda: torch.sin,
        "cos": lambda: torch.cos,
        "sigmoid": lambda: torch.sigmoid,
        "silu": lambda: F.silu,
        "relu": lambda: F.relu,
        "matmul": lambda: torch.matmul,
        "detach": lambda: torch.Tensor.detach,
        "softmax": lambda: lambda x: torch.softmax(x, -1),
        "scale": lambda: lambda x: x * a[0],
        "offset": lambda: lambda x: x + a[0],
        "clamp": lambda: lambda x: torch.clamp(x, a[0], a[1]),
        "dropout": lambda: lambda x: F.dropout(x, a[0]) if a[0] else x,
        "sum": lambda: lambda x: x.sum(a, keepdim=True),
        "mean": lambda: lambda x: x.mean(a, keepdim=True),
        "reshape": lambda: lambda x: x.reshape(a),
        "permute": lambda: lambda x: x.permute(a),
        "narrow": lambda: lambda x: x.narrow(*a),
        "cat": lambda: lambda *parts: torch.cat(parts, a),
        "conv2d": lambda: lambda x, w, b=None: F.conv2d(x, w, b, a[0], a[1]),
        "linear": lambda: lambda x, w, b: torch.addmm(b, x, w),
        "group_norm": lambda: lambda x, w, b: F.group_norm(x, a[0], w, b, a[1]),
        "layer_norm": lambda: lambda x, w, b: layer_norm(x, w, b, a[0]),
        "pad": lambda: lambda x: F.pad(x, a),
        "upsample_nearest": lambda: lambda x: F.interpolate(x, scale_factor=2, mode="nearest"),
        "average_pool": lambda: lambda x: F.avg_pool2d(x, 2),
        "max_pool": lambda: lambda x: F.max_pool2d(x, 2),
    }[op]()


lines = TRACE["lines"]
leaves, params, work = {}, [], []
for number, line in enumerate(lines):
    if line["op"] in ("data", "param"):
        values = VALUES[line["with"] : line["with"] + math.prod(line["shape"])]
        leaves[number] = values.reshape(line["shape"]).to(DEVICE, copy=True)
        if MODE != "eager" and len(line["shape"]) == 4:
            leaves[number] = leaves[number].to(memory_format=torch.channels_last)
        if line["op"] == "param":
            params.append(leaves[number].requires_grad_())
    else:
        work.append((operation(line["op"], line["with"]), line["in"], number))
# A value is dropped after its last use, as a local variable of a module would be.
last = {source: number for _, sources, number in work for source in sources}
last[TRACE["loss"]] = len(lines)
work = [(call, sources, number, [s for s in set(sources) if last[s] == number and s not in leaves]) for call, sources, number in work]

train = TRACE["train"]
optimiser = torch.optim.RAdam(params, lr=train["lr"], betas=tuple(train["betas"]), eps=train["eps"], foreach=True)
average = [param.detach().clone() for param in params]


def forward():
    values = dict(leaves)
    for call, sources, number, done in work:
        values[number] = call(*[values[source] for source in sources])
        for source in done:
            del values[source]
    return values[TRACE["loss"]].sum()


if MODE == "compile":
    forward = torch.compile(forward)


unread = []


def step():
    """Asks for one step, and reads the values of the step before: the loss and the norm of the gradients."""
    with torch.autocast(torch.device(DEVICE).type, torch.bfloat16, enabled=FORMAT == "bf16"):
        loss = forward()
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    norm = torch.stack(torch._foreach_norm([param.grad for param in params if param.grad is not None])).square().sum().sqrt()
    optimiser.step()
    with torch.no_grad():
        torch._foreach_lerp_(average, [param.detach() for param in params], 1 - train["ema"])
    for value in unread:
        value.item()
    unread[:] = [loss.detach(), norm]


step()
name = {"eager": "", "channels_last": " channels-last", "compile": " compiled"}[MODE]
print(f"PyTorch {torch.__version__}{name}", unread[0].item(), flush=True)
for line in sys.stdin:
    start, steps = time.perf_counter(), 0
    while time.perf_counter() - start < float(line):
        step()
        steps += 1
    print(steps / (time.perf_counter() - start), flush=True)
if DEVICE == "cpu":
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, flush=True)
else:
    print(torch.cuda.max_memory_allocated() / 2**20, flush=True)
