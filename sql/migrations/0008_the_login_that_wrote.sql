-- Who was logged in stands beside who says to have acted: a session sets its actor, and not its login. What was written
-- before is not known.
alter table ablo.delta add column if not exists login text;
alter table ablo.delta alter column login set default session_user;
alter table ablo.receipt add column if not exists login text;
alter table ablo.receipt alter column login set default session_user;
alter table ablo.audit_act add column if not exists login text;
alter table ablo.audit_act alter column login set default session_user;
