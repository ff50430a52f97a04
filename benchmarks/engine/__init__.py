"""Our engine beside the ways in which diffusion is served elsewhere: one process, one network, one trace for all."""
