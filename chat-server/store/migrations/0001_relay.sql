-- The relay: accounts and their devices, prekeys, invites, conversations and
-- their logs.
--
-- Every column's comment begins with what it is to somebody who steals the
-- database: `metadata` (readable), `public key` (readable, and meant to be),
-- `hash` (of a secret that the server does not keep) or `sealed` (ciphertext
-- that the server cannot open). There is no fifth kind: the server is never
-- given a secret key or a plaintext. A test holds every column to this.
--
-- What is sealed begins with a format version byte, set by the device that
-- sealed it.
--
-- Times are milliseconds since 1970 (`…_ms`), the unit of the frames and of the
-- hash chain that clients compute over them: no conversion, no rounding.
--
-- Retention is a DROP of a partition, never a DELETE over rows. Indices are as
-- few as the questions asked: each one costs every send.

CREATE TABLE server (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    epoch bigint NOT NULL CHECK (epoch > 0),
    lineage text NOT NULL
);
COMMENT ON TABLE server IS 'One row about this server itself.';
COMMENT ON COLUMN server.singleton IS 'metadata: keeps this table at one row';
COMMENT ON COLUMN server.epoch IS 'metadata: rises when the database was restored; a resume point of another epoch is answered with the full list';
COMMENT ON COLUMN server.lineage IS 'metadata: which cluster, timeline and database the epoch is of; another one means a restore, for transaction ids start over there';

CREATE TABLE accounts (
    id uuid PRIMARY KEY,
    name text NOT NULL UNIQUE,
    role smallint NOT NULL,
    password_hash text NOT NULL,
    created_at_ms bigint NOT NULL
);
COMMENT ON TABLE accounts IS 'Who may sign in.';
COMMENT ON COLUMN accounts.id IS 'metadata: drawn by the client that registered';
COMMENT ON COLUMN accounts.name IS 'metadata: what others find the account by';
COMMENT ON COLUMN accounts.role IS 'metadata: 1 member, 2 owner';
COMMENT ON COLUMN accounts.password_hash IS 'hash: Argon2id of the password, with salt and parameters (PHC string)';
COMMENT ON COLUMN accounts.created_at_ms IS 'metadata: when it registered';
-- Two owner invites used at the same moment must not make two owners.
CREATE UNIQUE INDEX accounts_one_owner ON accounts (role) WHERE role = 2;

CREATE TABLE devices (
    id uuid PRIMARY KEY,
    account uuid NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    generation bigint NOT NULL DEFAULT 0
);
COMMENT ON TABLE devices IS 'Devices that may have logins and prekeys. Which of them speak for an account only the signed device list says.';
COMMENT ON COLUMN devices.id IS 'metadata: drawn by the device';
COMMENT ON COLUMN devices.account IS 'metadata: whose it is';
COMMENT ON COLUMN devices.generation IS 'metadata: how many connections it opened, so that a copied device notices';
CREATE INDEX devices_account ON devices (account);

CREATE TABLE logins (
    token_hash bytea PRIMARY KEY,
    device uuid NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
    created_at_ms bigint NOT NULL
);
COMMENT ON TABLE logins IS 'Session tokens that hold.';
COMMENT ON COLUMN logins.token_hash IS 'hash: SHA-256 of a random token of 32 bytes';
COMMENT ON COLUMN logins.device IS 'metadata: the device that it was given to';
COMMENT ON COLUMN logins.created_at_ms IS 'metadata: when it signed in; the oldest ends when there are too many';
CREATE INDEX logins_device ON logins (device);

CREATE TABLE device_list_entries (
    account uuid NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    seq bigint NOT NULL CHECK (seq >= 0),
    bytes bytea NOT NULL,
    signature bytea NOT NULL,
    PRIMARY KEY (account, seq)
);
COMMENT ON TABLE device_list_entries IS 'The signed device list of each account, entry by entry. Appended by compare-and-swap on (account, seq), never changed.';
COMMENT ON COLUMN device_list_entries.account IS 'metadata: whose list';
COMMENT ON COLUMN device_list_entries.seq IS 'metadata: 0, 1, 2 …';
COMMENT ON COLUMN device_list_entries.bytes IS 'public key: the canonical entry as it was signed, beginning with its version byte';
COMMENT ON COLUMN device_list_entries.signature IS 'public key: Ed25519, by the account key for entry 0, by a device of the entry before otherwise';

CREATE TABLE signed_prekeys (
    device uuid PRIMARY KEY REFERENCES devices (id) ON DELETE CASCADE,
    prekey_id bigint NOT NULL,
    public_key bytea NOT NULL,
    signature bytea NOT NULL
);
COMMENT ON TABLE signed_prekeys IS 'The newest signed prekey of each device.';
COMMENT ON COLUMN signed_prekeys.device IS 'metadata: whose';
COMMENT ON COLUMN signed_prekeys.prekey_id IS 'metadata: the device''s own number for it, 32 bits';
COMMENT ON COLUMN signed_prekeys.public_key IS 'public key: X25519';
COMMENT ON COLUMN signed_prekeys.signature IS 'public key: Ed25519 by the device key';

CREATE TABLE one_time_prekeys (
    device uuid NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
    prekey_id bigint NOT NULL,
    public_key bytea NOT NULL,
    PRIMARY KEY (device, prekey_id)
);
COMMENT ON TABLE one_time_prekeys IS 'One-time prekeys, each handed out once: taking one deletes it.';
COMMENT ON COLUMN one_time_prekeys.device IS 'metadata: whose';
COMMENT ON COLUMN one_time_prekeys.prekey_id IS 'metadata: the device''s own number for it, 32 bits';
COMMENT ON COLUMN one_time_prekeys.public_key IS 'public key: X25519';

CREATE TABLE invites (
    code_hash bytea PRIMARY KEY,
    role smallint NOT NULL,
    invited_by uuid REFERENCES accounts (id) ON DELETE CASCADE,
    uses_left integer NOT NULL CHECK (uses_left >= 0),
    expires_at_ms bigint NOT NULL
);
COMMENT ON TABLE invites IS 'Ways to register.';
COMMENT ON COLUMN invites.code_hash IS 'hash: SHA-256 of a random code of 130 bits';
COMMENT ON COLUMN invites.role IS 'metadata: what the account becomes: 1 member, 2 owner';
COMMENT ON COLUMN invites.invited_by IS 'metadata: who made it; null for the program on the server''s machine';
COMMENT ON COLUMN invites.uses_left IS 'metadata: how many accounts it still makes';
COMMENT ON COLUMN invites.expires_at_ms IS 'metadata: when it ends';
CREATE INDEX invites_invited_by ON invites (invited_by);

-- No index on head_seq or changed_xid, and room on each page: advancing a head
-- is then a heap-only update that touches no index.
CREATE TABLE conversations (
    id uuid PRIMARY KEY,
    kind smallint NOT NULL,
    head_seq bigint NOT NULL DEFAULT 0,
    membership_version bigint NOT NULL DEFAULT 1,
    changed_xid bigint NOT NULL
) WITH (fillfactor = 60);
COMMENT ON TABLE conversations IS 'Conversations and how far their logs reach.';
COMMENT ON COLUMN conversations.id IS 'metadata: a direct conversation''s is derived from its two accounts';
COMMENT ON COLUMN conversations.kind IS 'metadata: 1 direct';
COMMENT ON COLUMN conversations.head_seq IS 'metadata: the newest message''s place; its row lock makes places gapless';
COMMENT ON COLUMN conversations.membership_version IS 'metadata: rises when a member or a member''s device list changes';
COMMENT ON COLUMN conversations.changed_xid IS 'metadata: the transaction that changed it last; a resume point is compared with it';

CREATE TABLE conversation_members (
    conversation uuid NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    account uuid NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    PRIMARY KEY (account, conversation)
);
COMMENT ON TABLE conversation_members IS 'Who is in which conversation.';
COMMENT ON COLUMN conversation_members.conversation IS 'metadata: which';
COMMENT ON COLUMN conversation_members.account IS 'metadata: who';
CREATE INDEX conversation_members_conversation ON conversation_members (conversation);

-- No foreign keys on the two tables that every send writes: each would cost a
-- trigger per row, and the row lock on the conversation proves the same.
CREATE TABLE conversation_log (
    conversation uuid NOT NULL,
    seq bigint NOT NULL,
    at_ms bigint NOT NULL,
    sender uuid NOT NULL,
    sender_device uuid NOT NULL,
    message_id uuid NOT NULL,
    kind smallint NOT NULL,
    body bytea NOT NULL,
    envelopes bytea NOT NULL,
    PRIMARY KEY (conversation, seq, at_ms)
) PARTITION BY RANGE (at_ms);
COMMENT ON TABLE conversation_log IS 'One row per message, whatever the number of its readers. Partitioned by month of at_ms; the server makes partitions ahead of time.';
COMMENT ON COLUMN conversation_log.conversation IS 'metadata: where';
COMMENT ON COLUMN conversation_log.seq IS 'metadata: its place, from 1, without gaps';
COMMENT ON COLUMN conversation_log.at_ms IS 'metadata: when the server took it';
COMMENT ON COLUMN conversation_log.sender IS 'metadata: whose';
COMMENT ON COLUMN conversation_log.sender_device IS 'metadata: the device that sealed it';
COMMENT ON COLUMN conversation_log.message_id IS 'metadata: drawn by that device';
COMMENT ON COLUMN conversation_log.kind IS 'metadata: 1 content; enough to store it, no more';
COMMENT ON COLUMN conversation_log.body IS 'sealed: under a content key of its own';
COMMENT ON COLUMN conversation_log.envelopes IS 'sealed: version 1, then per device: id (16), length (u16), the content key as that device''s ratchet message';
-- Ciphertext does not compress: trying would cost every large message.
ALTER TABLE conversation_log ALTER COLUMN body SET STORAGE EXTERNAL;
ALTER TABLE conversation_log ALTER COLUMN envelopes SET STORAGE EXTERNAL;

CREATE TABLE send_dedup (
    device uuid NOT NULL,
    message_id uuid NOT NULL,
    at_ms bigint NOT NULL,
    seq bigint NOT NULL,
    PRIMARY KEY (device, message_id, at_ms)
) PARTITION BY RANGE (at_ms);
COMMENT ON TABLE send_dedup IS 'What was stored lately, so that a repeated send is acknowledged as before and not stored twice. Partitioned by day of at_ms, dropped after a week.';
COMMENT ON COLUMN send_dedup.device IS 'metadata: who sent';
COMMENT ON COLUMN send_dedup.message_id IS 'metadata: the id that the device drew';
COMMENT ON COLUMN send_dedup.at_ms IS 'metadata: the time that was acknowledged';
COMMENT ON COLUMN send_dedup.seq IS 'metadata: the place that was acknowledged';
