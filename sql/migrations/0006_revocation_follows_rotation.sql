-- A key knows in whose place it was put. Rights over the service are written out: the secret keys that had them all
-- because none were named keep them, and a key can be made without. Minting and managing take the hash of the key that
-- asks, which is shown nowhere, in place of its id, which is.
alter table ablo.api_key add column if not exists rotated_from text references ablo.api_key on delete set null;
update ablo.api_key
   set scopes = array['branch:manage', 'keys:manage', 'project:manage', 'schema:push']
 where prefix = 'sk' and scopes = '{}' and operations is null and sync_groups is null;
drop index if exists ablo.api_key_expiry_idx;
drop function if exists ablo.key_mint(text, text, jsonb);
drop function if exists ablo.key_scopes(jsonb, text);
