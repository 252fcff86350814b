"""The further probes: a row each; `vqaudio probe --with` offers them, reports and pages read them."""

from vqaudio.jobs.probe import abx, leakage, linear, stability
from vqaudio.jobs.probe.interface import Probe

PROBES: dict[str, Probe] = {probe.name: probe for probe in (leakage.PROBE, abx.PROBE, linear.PROBE, stability.PROBE)}
