//! What is sent to others and must arrive although they may be away: mails, and logout tokens to clients. It is stored
//! sealed (`store::deliveries`) by whatever causes it, in the same transaction, and sent by the background until it has
//! arrived or is given up.
