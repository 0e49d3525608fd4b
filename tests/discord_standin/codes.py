"""Discord's numbers: limits of time and size, flags, permissions, and the codes of types."""

EPOCH = 1420070400.0
"""The first second of 2015, from which snowflakes count."""
ANSWER_SECONDS = 3.0
"""An interaction that is not acknowledged by then is lost."""
TOKEN_SECONDS = 15 * 60.0
"""How long an interaction's token is good for follow-ups and edits."""
MEBIBYTE = 2**20
TIER_LIMITS = {0: 10 * MEBIBYTE, 1: 10 * MEBIBYTE, 2: 50 * MEBIBYTE, 3: 100 * MEBIBYTE}
"""Bytes an attachment may have in a server, by its boost tier."""

EPHEMERAL, LOADING, VOICE_MESSAGE, COMPONENTS_V2 = 1 << 6, 1 << 7, 1 << 13, 1 << 15
TEXT_CHANNEL, DM_CHANNEL, GROUP_CHANNEL = 0, 1, 3
IN_GUILD, IN_BOT_DM, IN_PRIVATE_CHANNEL = 0, 1, 2
GUILD_INSTALL, USER_INSTALL = "0", "1"
COMMAND, COMPONENT, AUTOCOMPLETE, MODAL = 2, 3, 4, 5
SLASH_COMMAND, MESSAGE_COMMAND = 1, 3
BUTTON, TEXT_INPUT = 2, 4
SELECTS = (3, 5, 6, 7, 8)
CHANNEL_SELECT, TEXT_DISPLAY = 8, 10
LABEL, FILE_UPLOAD, RADIO_GROUP = 18, 19, 21

EMBED_LINKS, ATTACH_FILES, MENTION_EVERYONE, EXTERNAL_EMOJIS = 1 << 14, 1 << 15, 1 << 17, 1 << 18
VIEW, SEND, HISTORY, SEND_VOICE_MESSAGES = 1 << 10, 1 << 11, 1 << 16, 1 << 46
MANAGER = 1 << 5 | 1 << 13
IN_DM = EMBED_LINKS | ATTACH_FILES | MENTION_EVERYONE
APP_PERMISSIONS = {
    IN_GUILD: VIEW | SEND | HISTORY | EMBED_LINKS | ATTACH_FILES | SEND_VOICE_MESSAGES,
    IN_BOT_DM: IN_DM | EXTERNAL_EMOJIS,
    IN_PRIVATE_CHANNEL: IN_DM,
}
