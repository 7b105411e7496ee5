-- An application may change the id of a row of its own table: ablo.row_identity_check decides.
drop function if exists ablo.row_identity_refuse(text, text);
