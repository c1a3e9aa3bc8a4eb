"""Random requests through the proxy to a real kube-apiserver, and both audit logs compared.

    KUBEBUILDER_ASSETS=FOLDER python -m tests.differential --count 3000 --seed 1

needs a folder with ``kube-apiserver`` and ``etcd``. ``--count`` requests go through a proxy of its
own process to a kube-apiserver of its own, whose events are then joined with the proxy's by Audit-ID
and stage. Every difference is printed by kind with its count, its share and one example; the last
line says how many events are equal, and the exit code is 1 below ``--at-least``.

- ``rig`` starts everything and makes the fixed objects: users and their rules, custom resources,
  webhooks, admission policies, quotas;
- ``resources`` and ``objects`` know the resource types and make objects that mostly validate;
- ``generator`` makes a worker's requests from the seed; ``scenarios`` are the single sorts of them;
- ``client`` sends them as bytes and gives back what later requests need to know of answers;
- ``compare`` joins and names the differences.

A seed gives the same requests each time, up to what is taken from answers (resource versions, uids,
continue tokens).

What is left aside: timestamps (their form counts), the address and the credential that the server
sees, and annotations that only the server can know; whose request it is does count, as what the
server saw after impersonation. Requests that the proxy must refuse by itself (bad credentials,
impersonation that is not allowed) go to kube-apiserver directly afterwards, under the same Audit-ID,
so that those events have a counterpart too.
"""
