/** Where the files of this package are, when its scripts are served from elsewhere. */

/**
 * The development servers of Vite serve a copy of a script from a folder such as `node_modules/.vite/deps`, without the files that it
 * refers to. The package's own folder is beside that folder. `undefined` for a script that was not copied there.
 */
export function installedBeside(script: string | undefined, file: string): URL | undefined {
  const [, modules] = /^(.*\/node_modules\/)\.[^/]+\//.exec(script ?? "") ?? [];
  return modules === undefined ? undefined : new URL(`${modules}tessera-portal/dist/${file}`);
}
