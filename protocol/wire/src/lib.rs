//! Frames, typed ids, closed error codes and limits of the Chatalot protocol.
