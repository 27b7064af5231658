/**
 * Faults of `git fsck` that real history holds and nothing here can be hurt by: old tools wrote them, git itself
 * still reads such objects, and rewriting them would change the user's commit ids. Everything else refuses the pack.
 * An id must be known to git 2.39, because git refuses a list with an unknown one.
 */
const TOLERATED: Readonly<Record<string, string>> = {
  badFilemode: "group-writable modes (100664) of early git; read as 100644",
  zeroPaddedFilemode: "trees written by old web editors and importers; the padding means nothing",
  missingEmail: "identities without <email>, from CVS and Subversion imports",
  missingNameBeforeEmail: "identities that are only <email>, from scripts and bots",
  missingSpaceBeforeEmail: "name and <email> run together by an old importer",
  missingSpaceBeforeDate: "<email> and date run together by an old importer",
  badName: "names with stray angle brackets, from importers",
  badEmail: "emails with stray angle brackets, from importers",
  badDate: "dates an importer could not express; never read here",
  badDateOverflow: "dates beyond 64 bits; never read here",
  zeroPaddedDate: "dates written with leading zeros by early tools",
  badTimezone: "zones such as +051800, written by old GitHub and Mercurial bridges",
  multipleAuthors: "a second author line, written by a broken rebase tool",
};

/** The argument that makes `index-pack` check every object, and the links between them. */
export const STRICT = `--strict=${Object.keys(TOLERATED)
  .map((id) => `${id}=ignore`)
  .join(",")}`;
