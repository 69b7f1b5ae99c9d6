#!/usr/bin/env python3
"""Test vectors for chat-crypto, from implementations that are not ours.

    pip install -r requirements.txt
    python generate.py --seed 1 > x3dh-1.json

X3DH, the Double Ratchet and its bookkeeping come from the PyPI packages `X3DH` and
`DoubleRatchet` (MIT, by Syndace), the cipher and HKDF from `cryptography`. Only what
their interfaces leave open is filled in here: labels, header encoding, associated data,
the cipher. The file format is described in README.md beside this script.
"""
import argparse
import asyncio
import hashlib
import json
import random
import secrets
import struct

import doubleratchet
import x3dh
import xeddsa
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from doubleratchet.recommended import HashFunction, kdf_hkdf, kdf_separate_hmacs
from x3dh.identity_key_pair import IdentityKeyPairSeed

LABEL_X3DH = b"Chatalot/v1/kdf/x3dh"
LABEL_ROOT = b"Chatalot/v1/kdf/ratchet-root"
LABEL_MESSAGE = b"Chatalot/v1/kdf/ratchet-message"
LABEL_SIGNED_PREKEY = b"Chatalot/v1/sign/signed-prekey"

# Receiving chains that a session keeps; a message that is older is lost on purpose here.
CHAINS_KEPT = 5


class Drawn:
    """Every random byte, from the seed, in the order in which it is asked for."""

    def __init__(self, seed):
        self.seed, self.count, self.last = seed, 0, b""

    def __call__(self, length=32):
        self.count += 1
        block = b"chatalot vectors" + self.seed.encode() + struct.pack(">I", self.count)
        self.last = hashlib.shake_256(block).digest(length)
        return self.last


DRAW = None
# The secret behind every ratchet key that was drawn.
RATCHET_SECRETS = {}
# What stands before the ratchet header of the message that is sealed or opened now.
PREFIX = b""
# What a prekey signature covers before the key itself.
PREKEY_PREFIX = b""


class State(x3dh.BaseState):
    @staticmethod
    def _encode_public_key(key_format, pub):
        # The library encodes identities in their own format, Edwards here, and what it
        # signs, the prekey, as Curve25519: two places, two encodings.
        if key_format is x3dh.IdentityKeyFormat.ED_25519:
            return b"\x06" + pub
        return PREKEY_PREFIX + pub


class Ratchet(doubleratchet.DiffieHellmanRatchet):
    @staticmethod
    def _generate_priv():
        secret = DRAW(32)
        RATCHET_SECRETS[xeddsa.priv_to_curve25519_pub(secret)] = secret
        return secret

    @staticmethod
    def _derive_pub(priv):
        return xeddsa.priv_to_curve25519_pub(priv)

    @staticmethod
    def _perform_diffie_hellman(own_priv, other_pub):
        return xeddsa.x25519(own_priv, other_pub)


class RootChain(kdf_hkdf.KDF):
    @staticmethod
    def _get_hash_function():
        return HashFunction.SHA_256

    @staticmethod
    def _get_info():
        return LABEL_ROOT


class MessageChain(kdf_separate_hmacs.KDF):
    @staticmethod
    def _get_hash_function():
        return HashFunction.SHA_256


class Cipher(doubleratchet.AEAD):
    @staticmethod
    def _derive(key, salt):
        derived = HKDF(hashes.SHA256(), 44, salt, LABEL_MESSAGE).derive(key)
        return ChaCha20Poly1305(derived[:32]), derived[32:]

    @classmethod
    async def encrypt(cls, plaintext, key, associated_data):
        salt = DRAW(12)
        cipher, nonce = cls._derive(key, salt)
        return salt + cipher.encrypt(nonce, plaintext, associated_data + salt)

    @classmethod
    async def decrypt(cls, ciphertext, key, associated_data):
        salt = ciphertext[:12]
        cipher, nonce = cls._derive(key, salt)
        try:
            return cipher.decrypt(nonce, ciphertext[12:], associated_data + salt)
        except Exception as error:
            raise doubleratchet.AuthenticationFailedException(str(error)) from error


def leb128(value):
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def header_bytes(header):
    return (
        header.ratchet_pub
        + leb128(header.previous_sending_chain_length)
        + leb128(header.sending_chain_length)
    )


class Session(doubleratchet.DoubleRatchet):
    @staticmethod
    def _build_associated_data(associated_data, header):
        return associated_data + PREFIX + header_bytes(header)


class Side:
    def __init__(self, name):
        self.name = name
        self.account, self.device = DRAW(16), DRAW(16)
        self.seed = DRAW(32)
        self.session = None
        self.chain = 0
        self.last_public = None


def identities(*sides):
    field = lambda value: struct.pack(">H", len(value)) + value
    return b"".join(field(side.account) + field(side.device) for side in sides)


async def make_case(name, one_time, rounds, chance):
    """One session from its prekeys to a conversation with loss and reordering."""
    global PREFIX, PREKEY_PREFIX
    initiator, responder = Side("initiator"), Side("responder")
    signed_id, one_time_id = chance.randrange(1, 2**32), chance.randrange(1, 2**32)
    label = struct.pack(">H", len(LABEL_SIGNED_PREKEY)) + LABEL_SIGNED_PREKEY
    PREKEY_PREFIX = label + b"\x01" + responder.device + struct.pack(">I", signed_id)

    make = lambda side: State.create(
        x3dh.IdentityKeyFormat.ED_25519,
        x3dh.HashFunction.SHA_256,
        LABEL_X3DH,
        IdentityKeyPairSeed(side.seed),
    )
    own, other = make(initiator), make(responder)
    if one_time:
        other.generate_pre_keys(1)
    bundle = other.bundle
    appendix = identities(initiator, responder)
    secret, associated_data, first = await own.get_shared_secret_active(bundle, appendix, one_time)
    ephemeral = DRAW.last
    again = await other.get_shared_secret_passive(first, appendix, one_time)
    assert again[:2] == (secret, associated_data)
    signed_secret = again[2].priv

    x3dh_header = first.identity_key + first.ephemeral_key + struct.pack(">I", signed_id)
    x3dh_header += b"\x01" + struct.pack(">I", one_time_id) if one_time else b"\x00"
    first_prefix, later_prefix = b"\x01\x01" + x3dh_header, b"\x01\x02"

    settings = dict(
        diffie_hellman_ratchet_class=Ratchet,
        root_chain_kdf=RootChain,
        message_chain_kdf=MessageChain,
        message_chain_constant=b"\x02\x01",
        dos_protection_threshold=2000,
        max_num_skipped_message_keys=2000,
        aead=Cipher,
        shared_secret=secret,
    )
    events, flying, opened = [], [], []
    answered = False

    async def send(side):
        global PREFIX
        PREFIX = first_prefix if side is initiator and not answered else later_prefix
        plaintext = b"%s %d " % (side.name.encode(), len(events)) + b"x" * chance.randrange(80)
        if side.session is None:
            side.session, message = await Session.encrypt_initial_message(
                **settings,
                recipient_ratchet_pub=bundle.signed_pre_key,
                message=plaintext,
                associated_data=associated_data,
            )
        else:
            message = await side.session.encrypt_message(plaintext, associated_data)
        public = message.header.ratchet_pub
        event = {"send": side.name, "message": len([e for e in events if "send" in e])}
        if public != side.last_public:
            side.last_public, side.chain = public, side.chain + 1
            event["ratchet_secret"] = RATCHET_SECRETS[public].hex()
        event["salt"] = message.ciphertext[:12].hex()
        event["plaintext"] = plaintext.hex()
        event["ct"] = (PREFIX + header_bytes(message.header) + message.ciphertext).hex()
        events.append(event)
        flying.append(dict(side=side, chain=side.chain, prefix=PREFIX, message=message, event=event))

    async def receive(flight):
        global PREFIX
        nonlocal answered
        PREFIX = flight["prefix"]
        side = responder if flight["side"] is initiator else initiator
        if side.session is None:
            side.session, plaintext = await Session.decrypt_initial_message(
                **settings,
                own_ratchet_priv=signed_secret,
                message=flight["message"],
                associated_data=associated_data,
            )
        else:
            plaintext = await side.session.decrypt_message(flight["message"], associated_data)
        assert plaintext.hex() == flight["event"]["plaintext"]
        answered = answered or side is initiator
        events.append({"receive": side.name, "message": flight["event"]["message"]})
        opened.append((side, flight["event"]))
        flying.remove(flight)

    def refuse(side, ciphertext, reason):
        events.append({"refuse": side.name, "refused_ct": ciphertext.hex(), "reason": reason})

    def refuse_changed(flight):
        """Forgeries of a message that is still on its way: it must open afterwards."""
        good = bytes.fromhex(flight["event"]["ct"])
        side = responder if flight["side"] is initiator else initiator
        flipped = lambda at: good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :]
        header = len(flight["prefix"]) + len(header_bytes(flight["message"].header))
        refuse(side, flipped(len(good) - 1), "tag changed")
        refuse(side, flipped(header + 12), "ciphertext changed")
        refuse(side, flipped(header), "random bytes changed")
        refuse(side, flipped(header - 1), "message number changed")
        refuse(side, flipped(len(flight["prefix"])), "ratchet key changed")
        refuse(side, good[:-1], "tag cut short")
        refuse(side, b"\x02" + good[1:], "another version")
        if flight["prefix"] == first_prefix:
            refuse(side, flipped(2), "identity changed")
            refuse(side, flipped(40), "ephemeral key changed")
            refuse(side, later_prefix + good[len(first_prefix) :], "X3DH header taken away")

    for _ in range(2):
        await send(initiator)
    refuse_changed(flying[1])
    # The first message that arrives is not the first that was sent.
    await receive(flying[1])
    for _ in range(rounds):
        side = chance.choice([initiator, responder])
        for _ in range(chance.choice([1, 1, 1, 2, 3, 8])):
            await send(side)
        # Lost for good: one in six, and whatever would outlive the chains that are kept.
        for flight in list(flying):
            if chance.random() < 1 / 6 or flight["side"].chain - flight["chain"] >= CHAINS_KEPT - 1:
                flying.remove(flight)
        arriving = [flight for flight in flying if chance.random() < 0.7]
        chance.shuffle(arriving)
        if arriving and chance.random() < 0.2:
            refuse_changed(arriving[0])
        for flight in arriving:
            await receive(flight)
        if chance.random() < 0.2:
            side, event = opened[-1]
            refuse(side, bytes.fromhex(event["ct"]), "duplicate")
    for flight in list(flying):
        await receive(flight)

    side_json = lambda side: {
        "account": side.account.hex(),
        "device": side.device.hex(),
        "identity_secret": side.seed.hex(),
        "identity_public": xeddsa.seed_to_ed25519_pub(side.seed).hex(),
    }
    one_time_json = None
    if one_time:
        (pair,) = other._BaseState__pre_keys
        one_time_json = {"id": one_time_id, "secret": pair.priv.hex(), "public": pair.pub.hex()}
    return {
        "name": name,
        "mode": "x3dh",
        "initiator": side_json(initiator),
        "responder": side_json(responder),
        "signed_prekey": {
            "id": signed_id,
            "secret": signed_secret.hex(),
            "public": bundle.signed_pre_key.hex(),
            "signature": bundle.signed_pre_key_sig.hex(),
        },
        "one_time_prekey": one_time_json,
        "ephemeral_secret": ephemeral.hex(),
        "shared_secret": secret.hex(),
        "associated_data": associated_data.hex(),
        "events": events,
    }


async def make_file(seed):
    chance = random.Random(f"chatalot vectors {seed}")
    cases = [
        await make_case("one-time prekey", True, 40, chance),
        await make_case("no one-time prekey", False, 40, chance),
        await make_case("short", True, 2, chance),
    ]
    return {"format": 1, "seed": seed, "cases": cases}


def main():
    global DRAW
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", required=True, help="any text; the same text gives the same file")
    seed = parser.parse_args().seed
    DRAW = Drawn(seed)
    # The libraries ask `secrets`; here they are answered from the seed.
    secrets.token_bytes = DRAW
    secrets.choice = lambda choices: sorted(choices)[0]
    print(json.dumps(asyncio.run(make_file(seed)), indent=1))


if __name__ == "__main__":
    main()
