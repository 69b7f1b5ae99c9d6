/** Words that a cryptographic package bears in its name, as whole parts of it:
 *  "argon2-browser" is one, "aesthetic" is not. */
const WORDS = new Set([
  "aes", "argon2", "asmcrypto", "bcrypt", "bcryptjs", "blake2", "blake3", "chacha", "chacha20", "cipher", "ciphers",
  "crypto", "cryptography", "curve25519", "curves", "ecdsa", "ed25519", "ed2curve", "elliptic", "forge", "hashes",
  "hkdf", "jose", "jsencrypt", "keccak", "libsignal", "libsodium", "matrix", "md5", "mls", "nacl", "noble", "olm",
  "openmls", "openpgp", "pbkdf2", "ratchet", "rsa", "scrypt", "secp256k1", "sha1", "sha2", "sha256", "sha3", "sha512",
  "sjcl", "sodium", "tweetnacl", "vodozemac", "webcrypto", "x25519", "x3dh",
]);

/** Whether an npm package's name says that it does cryptography. */
export function cryptographic(name) {
  const parts = name.toLowerCase().split(/[^a-z0-9]+/);
  return parts.some((part) => WORDS.has(part) || WORDS.has(part.replace(/js$/, "")) || part.startsWith("crypto"));
}
