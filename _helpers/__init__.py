"""What `_common.py` names but does not spell out: devices, simulation, results, figures, tools."""
