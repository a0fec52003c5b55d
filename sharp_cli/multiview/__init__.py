"""One scene from more than one photo: panoramas, posed photos, stereo pairs, and video frames that do not flicker."""
