"""What processes have of the machine: cores and memory."""

import os
import pathlib


def tree(pid):
    """A process and all that it started."""
    found = [pid]
    for parent in found:
        for task in pathlib.Path(f"/proc/{parent}/task").glob("*/children"):
            found += map(int, task.read_text().split())
    return found


def command(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def shared_out_megabytes(pids):
    """Proportional set size: what several processes share is counted once among them."""
    kilobytes = 0
    for pid in pids:
        try:
            rollup = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            # It has ended meanwhile.
            continue
        kilobytes += sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    return kilobytes / 1024


def cpu_seconds(pids):
    """What processes and all that they started have had of the cores."""
    ticks = 0
    for one in (one for pid in pids for one in tree(pid)):
        # After the name, which may have spaces: the 12th and 13th are its own, in its own and in the kernel's code.
        fields = pathlib.Path(f"/proc/{one}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def resident_megabytes(pid):
    kilobytes = 0
    for one in tree(pid):
        status = pathlib.Path(f"/proc/{one}/status").read_text()
        kilobytes += int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")))
    return kilobytes / 1024
