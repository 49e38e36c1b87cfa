"""Neural shot detectors in torch; imported only where a stage sets itself up."""
