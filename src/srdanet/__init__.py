"""MODIS land surface temperature from 1 km to 500 m and 250 m with SRDA-Net."""
