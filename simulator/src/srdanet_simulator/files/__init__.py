"""The simulation as files of the formats that the real ones come in; stations and the truth beside them."""
