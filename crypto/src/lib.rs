//! Sans-IO end-to-end encryption: X3DH, Double Ratchet, safety numbers.
