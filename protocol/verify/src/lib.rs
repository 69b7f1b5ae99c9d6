//! What is signed or hashed in Chatalot, and what anyone can check without a secret key.
