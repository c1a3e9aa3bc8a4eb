// A session of @kubernetes/client-node: node client_library.mjs KUBECONFIG, from a folder with the package.
// Prints one line for each step that went as it should; anything else ends it with an error.
import * as k8s from '@kubernetes/client-node';
import { PassThrough } from 'node:stream';

const config = new k8s.KubeConfig();
config.loadFromFile(process.argv[2]);
const core = config.makeApiClient(k8s.CoreV1Api);
const apps = config.makeApiClient(k8s.AppsV1Api);
const custom = config.makeApiClient(k8s.CustomObjectsApi);
const objects = k8s.KubernetesObjectApi.makeApiClient(config);
const namespace = 'node-client';

function done(step) {
  console.log(step);
}

async function refused(code, promise) {
  try {
    await promise;
  } catch (error) {
    if (error.code === code) return;
    throw error;
  }
  throw new Error(`${code} was expected`);
}

await core.createNamespace({ body: { metadata: { name: namespace } } });
done('namespace');

const map = { metadata: { name: 'settings', labels: { app: 'web' } }, data: { key: 'Größe <&>' } };
await core.createNamespacedConfigMap({ namespace, body: map, fieldManager: 'node' });
await refused(409, core.createNamespacedConfigMap({ namespace, body: map }));
const read = await core.readNamespacedConfigMap({ namespace, name: 'settings' });
await core.replaceNamespacedConfigMap({ namespace, name: 'settings', body: { ...read, data: { key: '2' } } });
await refused(404, core.readNamespacedConfigMap({ namespace, name: 'none' }));
await refused(422, core.createNamespacedConfigMap({ namespace, body: { metadata: { name: 'Not Valid' } } }));
done('create read replace');

for (const [strategy, body] of [
  [k8s.PatchStrategy.MergePatch, { data: { merged: '1' } }],
  [k8s.PatchStrategy.StrategicMergePatch, { data: { strategic: '1' } }],
  [k8s.PatchStrategy.JsonPatch, [{ op: 'add', path: '/data/json', value: '1' }]],
]) {
  await core.patchNamespacedConfigMap(
    { namespace, name: 'settings', body },
    k8s.setHeaderOptions('Content-Type', strategy),
  );
}
await objects.patch(
  { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'applied', namespace }, data: { a: '1' } },
  undefined,
  undefined,
  'node',
  true,
  k8s.PatchStrategy.ServerSideApply,
);
done('patches');

const page = await core.listNamespacedConfigMap({ namespace, limit: 1 });
await core.listNamespacedConfigMap({ namespace, limit: 1, _continue: page.metadata._continue });
await core.listNamespacedConfigMap({ namespace, labelSelector: 'app=web' });
await core.listConfigMapForAllNamespaces();
done('list');

await new Promise((resolve, reject) => {
  new k8s.Watch(config)
    .watch(
      `/api/v1/namespaces/${namespace}/configmaps`,
      { timeoutSeconds: 1, allowWatchBookmarks: true },
      () => {},
      (error) => (error ? reject(error) : resolve()),
    )
    .catch(reject);
});
done('watch');

const labels = { app: 'web' };
const template = { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'example.com/i' }] } };
await apps.createNamespacedDeployment({
  namespace,
  body: { metadata: { name: 'web' }, spec: { selector: { matchLabels: labels }, template } },
});
const scale = await apps.readNamespacedDeploymentScale({ namespace, name: 'web' });
scale.spec.replicas = 3;
await apps.replaceNamespacedDeploymentScale({ namespace, name: 'web', body: scale });
await apps.deleteNamespacedDeployment({ namespace, name: 'web', propagationPolicy: 'Background' });
await refused(404, custom.listNamespacedCustomObject({ group: 'no.example.com', version: 'v1', namespace, plural: 'things' }));
done('deployments');

await core.createNamespacedPod({ namespace, body: { metadata: { name: 'pod' }, spec: template.spec } });
const sink = new PassThrough();
sink.resume();
let opened = true;
try {
  await new k8s.Exec(config).exec(namespace, 'pod', 'c', ['env'], sink, sink, null, false);
} catch {
  opened = false;
}
if (opened) throw new Error('exec in a pod that runs nowhere was not refused');
done('exec');

await core.deleteNamespacedPod({ namespace, name: 'pod', body: { gracePeriodSeconds: 0 } });
await core.deleteNamespacedConfigMap({ namespace, name: 'settings' });
await core.deleteCollectionNamespacedConfigMap({ namespace });
done('delete');
