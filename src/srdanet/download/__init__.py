"""Getting the inputs: what is needed for a place and dates, and the files themselves.

Needs the extra `fetch` (earthaccess, cdsapi), which is loaded only when a service is asked.
"""

from srdanet.download.execution import Outcome, already_there, carry_out
from srdanet.download.place import Place, place_of_bounds, place_of_region
from srdanet.download.plan import FetchPlan, RemoteFile, plan_fetch
from srdanet.download.weather import WeatherRequest

__all__ = [
    "FetchPlan",
    "Outcome",
    "Place",
    "RemoteFile",
    "WeatherRequest",
    "already_there",
    "carry_out",
    "place_of_bounds",
    "place_of_region",
    "plan_fetch",
]
