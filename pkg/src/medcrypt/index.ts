/**
 * MedCrypt v1: notes sealed under a month's key and carried as text by any messenger. `Conversation` is what a page uses;
 * the rest are its parts. What the format does not protect is in `docs/medcrypt.md`.
 */

export {
  MedcryptKey,
  decryptMessage,
  deriveKey,
  encryptMessage,
  monthKey,
  readAlias,
  type DeriveOptions,
} from "./message.js";
export { Aliases, newAlias } from "./alias.js";
export { KeyRing, type Clock } from "./ring.js";
export { Conversation, type ConversationOptions, type Opened } from "./conversation.js";
