-- A caller that reads the log without a capability says that it applies permissions of models itself.
drop function if exists ablo.delta_read(text, bigint, int, bigint, text, boolean);
drop function if exists ablo.delta_tail(text, bigint, int, text, boolean);
