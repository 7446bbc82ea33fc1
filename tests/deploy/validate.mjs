// Judges what we ship for deployment, by public validators that need no network. It is run beside
// the packages of package.json (check_deploy.py puts it there). Reads
//   {"manifests": {set: [document, …]}, "dockerfiles": {set: text}}
// from the file that it is given and writes {set: ["validator: what is wrong", …], …}.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

import * as monokle from '@monokle/validation';
import dockerfileUtils from 'dockerfile-utils';
import ts from 'typescript';
import * as yaml from 'yaml';

const require = createRequire(import.meta.url);
const asked = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const findings = {};
for (const group of Object.values(asked))
    for (const set of Object.keys(group))
        findings[set] = [];

function nameOf(document) {
    return `${document.kind} ${document.metadata?.name}`;
}

// --- Kubernetes: the schemas of the API, and of the Prometheus Operator --------------------------

function modelPath({ apiVersion, kind }) {
    const home = apiVersion.startsWith('monitoring.coreos.com/')
        ? '@kubernetes-models/prometheus-operator'
        : 'kubernetes-models';
    return `${home}/${apiVersion}/${kind}`;
}

function checkSchema(set, document) {
    let model;
    try {
        model = require(modelPath(document))[document.kind];
    } catch (error) {
        findings[set].push(`schema: ${nameOf(document)}: no such kind: ${error.message}`);
        return false;
    }
    try {
        new model(document).validate();
    } catch (error) {
        findings[set].push(`schema: ${nameOf(document)}: ${error.message}`);
    }
    return true;
}

// The schemas let fields pass that they do not know; the types that come with them do not.
function checkFieldNames(documents) {
    const sources = new Map(documents.map(({ document }, index) => [
        `${process.cwd()}/manifest-${index}.ts`,
        `import type { I${document.kind} } from '${modelPath(document)}';\n` +
            `export const manifest: I${document.kind} = ${JSON.stringify(document)};\n`]));
    const options = {
        noEmit: true, strict: true, skipLibCheck: true, types: [],
        target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.CommonJS,
        moduleResolution: ts.ModuleResolutionKind.Node10,
    };
    const host = ts.createCompilerHost(options);
    const { fileExists, getSourceFile } = host;
    host.fileExists = path => sources.has(path) || fileExists.call(host, path);
    host.getSourceFile = (path, ...rest) => sources.has(path)
        ? ts.createSourceFile(path, sources.get(path), ts.ScriptTarget.ES2022)
        : getSourceFile.call(host, path, ...rest);
    const paths = [...sources.keys()];
    const program = ts.createProgram(paths, options, host);
    for (const diagnostic of ts.getPreEmitDiagnostics(program)) {
        const place = paths.indexOf(diagnostic.file?.fileName);
        const text = ts.flattenDiagnosticMessageText(diagnostic.messageText, ' ');
        if (place < 0)
            throw new Error(`the types cannot be used: ${text}`);
        const { set, document } = documents[place];
        findings[set].push(`fields: ${nameOf(document)}: ${text}`);
    }
}

// --- Kubernetes: Pod Security Standard "restricted", practices -----------------------------------

const PLUGINS = ['pod-security-standards', 'practices'];

// With all rules of its plugins: what only "restricted" asks for is off unless it is named.
async function createValidator() {
    const validator = new monokle.MonokleValidator({
        loader: new monokle.DefaultPluginLoader(),
        parser: new monokle.ResourceParser(),
        schemaLoader: new monokle.SchemaLoader(),
        suppressors: [],
        fixer: new monokle.DisabledFixer(),
    });
    const plugins = Object.fromEntries(PLUGINS.map(name => [name, true]));
    const settings = { debug: true };
    await validator.preload({ plugins, settings });
    const rules = {};
    for (const name of PLUGINS) {
        for (const rule of validator.rules[name])
            rules[`${name}/${rule.name}`] = 'err';
    }
    await validator.preload({ plugins, rules, settings });
    return validator;
}

async function checkPolicies(validator, set, documents) {
    const resources = documents.map((document, index) => ({
        id: String(index), fileId: set, filePath: set, fileOffset: 0,
        name: document.metadata?.name, kind: document.kind, apiVersion: document.apiVersion,
        content: document, text: yaml.stringify(document),
    }));
    const [run] = (await validator.validate({ resources })).runs;
    for (const { ruleId, message, locations } of run.results) {
        const place = locations?.[1]?.logicalLocations?.[0]?.fullyQualifiedName;
        findings[set].push(`${ruleId}: ${place}: ${message.text}`);
    }
}

// --- Docker --------------------------------------------------------------------------------------

function checkDockerfile(set, text) {
    for (const { range, message } of dockerfileUtils.validate(text))
        findings[set].push(`dockerfile: line ${range.start.line + 1}: ${message}`);
}

for (const [set, text] of Object.entries(asked.dockerfiles ?? {}))
    checkDockerfile(set, text);

const validator = await createValidator();
const known = [];
for (const [set, documents] of Object.entries(asked.manifests ?? {})) {
    for (const document of documents) {
        if (checkSchema(set, document))
            known.push({ set, document });
    }
    await checkPolicies(validator, set, documents);
}
checkFieldNames(known);

process.stdout.write(JSON.stringify(findings));
