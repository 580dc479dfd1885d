"""Constants of nature, of the Earth model and of the Sentinel-1 radar."""

SPEED_OF_LIGHT_M_S = 299_792_458.0
WGS84_SEMI_MAJOR_M = 6_378_137.0
WGS84_SEMI_MINOR_M = 6_356_752.314245
EARTH_ROTATION_RAD_S = 7.292115e-5
RADAR_FREQUENCY_HZ = 5_405_000_454.33435
WAVELENGTH_M = SPEED_OF_LIGHT_M_S / RADAR_FREQUENCY_HZ
REFERENCE_FREQUENCY_HZ = 37_534_722.24
"""f_ref of the instrument: every timing code of a space packet counts its periods (S1-IF-ASD-PL-0007, section 1.4)."""
REFERENCE_RANGE_M = 800_000.0
"""Range to which the range spreading loss is normalised (DAD, referenceRange)."""
