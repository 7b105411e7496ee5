"""The client library: `AsyncAblo`, its sync twin `Ablo`, and the values they take and return."""
