"""The bot's part of the database: pending replies, stored pieces and their files, rules of servers."""
