// Run in a project that has installed the packages: node exports.cjs SPECIFIER… prints what each exports.
const found = {};
for (const specifier of process.argv.slice(2)) found[specifier] = Object.keys(require(specifier)).sort();
console.log(JSON.stringify(found));
