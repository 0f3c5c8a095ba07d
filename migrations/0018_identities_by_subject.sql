-- Who has signed in over a connection as a subject, whatever issuer vouched for it: what a directory asks of each record that it
-- makes or calls otherwise, in the transaction that writes it.
CREATE INDEX identities_by_subject ON identities (connection_id, subject);
