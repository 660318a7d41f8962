// Words of a command line as a POSIX shell reads them.

/** Quoted where the shell would see more than a word. */
export const shellWord = (text: string): string => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
