/** Class names of scoped styles come from the styles themselves, not from the
 *  file's path: the bundle is the same wherever it is built. */
export default {
  compilerOptions: {
    cssHash: ({ hash, css }) => `c-${hash(css)}`,
  },
};
