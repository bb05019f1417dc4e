"""The simulator: synthetic dispute records with a known true hazard.  Every figure from it is SYNTHETIC."""

from data_samples.simulator.constants import Constants
from data_samples.simulator.imperfections import Imperfections
from data_samples.simulator.presets import BASE_HAZARD_PER_WEEK
from data_samples.simulator.run import SimulationSummary, simulate

__all__ = ["BASE_HAZARD_PER_WEEK", "Constants", "Imperfections", "SimulationSummary", "simulate"]
