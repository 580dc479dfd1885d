"""The header that every annotation data set begins with."""

from datetime import datetime

from s1pdgs.formats.l1.leaves import ImageNumber, Mission, Mode, Polarisation, ProductType, Swath
from s1pdgs.formats.l1.records import record


@record
class AdsHeader:
    """What the data set belongs to: mission, polarisation, swath and image number, zero-Doppler start and stop."""

    mission_id: Mission
    product_type: ProductType
    polarisation: Polarisation
    mode: Mode
    swath: Swath
    start_time: datetime
    stop_time: datetime
    absolute_orbit_number: int
    mission_data_take_id: int
    image_number: ImageNumber
