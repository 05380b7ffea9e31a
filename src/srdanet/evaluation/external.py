"""A method that runs in a process of its own, with the Python of its own environment; it is never imported here."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
import xarray as xr
from odc.geo.geobox import GeoBox

from srdanet.arrays import Float32, repeat
from srdanet.baselines import Method
from srdanet.baselines.sharpening import as_dataset, fill_nearest, read_predictors
from srdanet.errors import ArgumentError, OutputError
from srdanet.grid import refine
from srdanet.readers.guard import open_image
from srdanet.scene import LabelledScene, Scene

# The settings are those of the example that the package's authors give.
_SCRIPT = """
import json, sys
from pyDMS.pyDMS import DecisionTreeSharpener
from pyDMS.pyDMSUtils import saveImg
a = json.load(open(sys.argv[1]))
sharpener = DecisionTreeSharpener(
    [a["fine"]], [a["coarse"]], lowResQualityFiles=[a["quality"]], lowResGoodQualityFlags=[1],
    cvHomogeneityThreshold=0, movingWindowSize=15, disaggregatingTemperature=True,
    perLeafLinearRegression=True, linearRegressionExtrapolationRatio=0.25)
sharpener.trainSharpener()
made = sharpener.applySharpener(a["fine"], a["coarse"])
_, corrected = sharpener.residualAnalysis(made, a["coarse"], a["quality"], doCorrection=True)
saveImg(corrected.GetRasterBand(1).ReadAsArray(), corrected.GetGeoTransform(), corrected.GetProjection(), a["out"])
"""


@dataclass(frozen=True)
class PythonDms:
    """The data mining sharpener in its open implementation, python_dms (GPL), run from outside.

    Gao, Kustas, Anderson (2012), *A data mining approach for sharpening thermal satellite imagery over land*, Remote
    Sensing 4, 3287-3319; github radosuav/pyDMS. It gets all predictors that the scene has, gaps in them filled from
    the nearest cell, and corrects its own residual.
    """

    python: Path
    """The Python of an environment that holds python_dms and GDAL."""
    name: str = "python-dms"
    seconds: int = 3600
    """After which a run is given up."""

    def choose(self, labelled: LabelledScene, others: Sequence[LabelledScene]) -> Method | None:
        """Itself for a scene with predictors, which it cannot do without."""
        return self if labelled.scene.auxiliary else None

    def __call__(self, scene: Scene, factor: int) -> xr.Dataset:
        """`lst` (y * factor, x * factor) K of a scene, missing where the coarse cell is.

        Raises:
            ArgumentError: when the scene has no predictors, or the process fails.
        """
        predictors = read_predictors(scene, factor)
        if not predictors.names:
            raise ArgumentError("the scene has no predictors", where=self.name, todo="Leave the method out.")
        lst = np.asarray(scene.lst["lst"].values, np.float32)
        with tempfile.TemporaryDirectory(prefix="srdanet-") as folder:
            paths = {name: str(Path(folder) / f"{name}.tif") for name in ("fine", "coarse", "quality", "out")}
            filled = np.stack([fill_nearest(band) for band in predictors.fine])
            _write(paths["fine"], filled, refine(scene.geobox, factor))
            _write(paths["coarse"], fill_nearest(lst)[None], scene.geobox)
            _write(paths["quality"], np.isfinite(lst)[None].astype(np.float32), scene.geobox)
            job = Path(folder) / "job.json"
            job.write_text(json.dumps(paths), encoding="utf-8")
            self._run(job)
            if not Path(paths["out"]).is_file():
                raise OutputError("wrote no result", where=self.name)
            with open_image(paths["out"]) as result:
                fine = result.read(1).astype(np.float32)
        fine[repeat(np.isnan(lst), factor)] = np.nan
        return as_dataset(scene, factor, fine, self.name, predictors=" ".join(predictors.names))

    def _run(self, job: Path) -> None:
        command = [str(self.python), "-c", _SCRIPT, str(job)]
        try:
            # The interpreter is the one that the user named, the script our own; no shell reads either.
            done = subprocess.run(  # noqa: S603
                command, capture_output=True, text=True, timeout=self.seconds, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ArgumentError(f"did not run ({error})", where=self.python, todo="Give another Python.") from error
        if done.returncode:
            last = done.stderr.strip().splitlines()[-1:] or ["no message"]
            todo = "Install python_dms there as docs/comparison.md says."
            raise ArgumentError(f"python_dms failed: {last[0]}", where=self.python, todo=todo)


def _write(path: str, bands: Float32, box: GeoBox) -> None:
    count, height, width = bands.shape
    profile = {"driver": "GTiff", "dtype": "float32", "count": count, "height": height, "width": width}
    with rasterio.open(path, "w", crs=box.crs.to_wkt(), transform=box.affine, **profile) as target:  # type: ignore[union-attr]
        target.write(bands)
