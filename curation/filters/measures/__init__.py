"""What is measured of the media of a clip. Filters and captioners share it; it imports OpenCV and PyAV."""
