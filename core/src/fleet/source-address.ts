/** What is wrong with an address or a version somebody wrote, in words; undefined when nothing is. */

/** Addresses of files are not for a repository to give: they would be the hub's. */
export function gitUrlFault(url: string): string | undefined {
  if (/[\s\0]/.test(url)) return `"${url}" holds white space; write an address on one line`;
  const credentials = credentialsFault(url);
  if (credentials !== undefined) return credentials;
  if (/^(https?|ssh):\/\/[^-/]/.test(url) || /^[A-Za-z0-9_][\w.-]*@[A-Za-z0-9][\w.-]*:[^:-]/.test(url))
    return undefined;
  return `"${url}" is no address of a Git repository; write https://…, ssh://… or user@host:path`;
}

export function chartRepositoryFault(url: string): string | undefined {
  if (/[\s\0]/.test(url)) return `"${url}" holds white space; write an address on one line`;
  const credentials = credentialsFault(url);
  if (credentials !== undefined) return credentials;
  if (/^(https?|oci):\/\/[^-/]/.test(url)) return undefined;
  return `"${url}" is no chart repository; write https://… or oci://…`;
}

/** A range would make one commit mean something else tomorrow. */
export function chartVersionFault(version: string): string | undefined {
  if (/^v?\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$/.test(version)) return undefined;
  return `"${version}" is no exact version; write for example 6.1.0`;
}

/** A user's name alone is none: ssh wants it. */
function credentialsFault(url: string): string | undefined {
  const given = /^(\w+):\/\/([^/@]*)@/.exec(url);
  if (given === null || (given[1] === "ssh" && !given[2]?.includes(":"))) return undefined;
  return "the address holds credentials; take them out and give them to the hub's configuration";
}
