/** A file system that is really full: a small one in memory, in a mount namespace of a process, with which it goes. */

/** A command that mounts so much over a folder and becomes what follows it. */
export const onSmallDisk = (folder: string, size = '64k'): readonly string[] => [
  ...['unshare', '--user', '--map-root-user', '--mount', 'sh', '-c'],
  `mount -t tmpfs -o size=${size} limbeck "$0" && exec "$@"`,
  folder,
];
