/**
 * MedCrypt v1: notes sealed under a month's key and carried as text by any messenger. `Conversation` is what a page uses;
 * the rest are its parts. What the format does not give is in `docs/medcrypt.md`.
 */

export {
  MedcryptKey,
  decryptMessage,
  deriveKey,
  encryptMessage,
  monthKey,
  readAlias,
  type DeriveOptions,
} from "./medcrypt-message.js";
export { Aliases, newAlias } from "./medcrypt-alias.js";
export { KeyRing, type Clock } from "./medcrypt-ring.js";
export { Conversation, type ConversationOptions, type Opened } from "./medcrypt-conversation.js";
