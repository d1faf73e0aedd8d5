"""What every audio output is. Contract of a sink:

    write(pcm, last)   takes a block of int16 stereo bytes whole; frames that have reached the output in all
    close()            lets what was taken sound, and finishes; the frames that have reached the output in all
    clocked            bool: whether it takes frames no faster than they sound
    fades              bool: whether it is heard. It then fades in what it begins with, and out the `last` block
    underruns          int: times it ran dry
    held_bytes_max     int: what it may have taken that has not sounded
    block_frames_max   int, where it is heard too late after larger blocks

`write` may wait (that is what clocks the player). It raises `OutputGone` when the output may come back, to be opened
anew, and another OSError when it will not; no frame of that block counts as delivered. After an error `close` does not
wait, and still returns what had been delivered.
"""

FRAME_BYTES = 4


class OutputGone(OSError):
    """The output's device is not there, or takes nothing; it may come back."""
