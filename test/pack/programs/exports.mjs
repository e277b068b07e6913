// Run in a project that has installed the packages: node exports.mjs SPECIFIER… prints what each exports.
const found = {};
for (const specifier of process.argv.slice(2)) found[specifier] = Object.keys(await import(specifier)).sort();
console.log(JSON.stringify(found));
