-- identity_set returns the settings that it found, for entry points to restore; looking up a model sets none.
drop function if exists ablo.identity_set(text, text, text, text);
drop function if exists ablo.read_model(text, text, text);
drop function if exists ablo.claim_model(text, text, text, text);
