#!/usr/bin/env python3
"""patrolint reads real etcd through gRPC: what tests/live/etcd.py does through the JSON gateway. Building it needs protoc.

    tests/live/etcd_grpc.py
"""
import unittest

import etcd
import full
from servers import Certificates, Etcd, patrolint


def setUpModule():
    full.build()
    etcd.setUpModule()


class GrpcTest(etcd.EtcdTest):
    # Of the API v2.
    test_api_2 = test_other_api = None

    def setUp(self):
        super().setUp()
        self.addCleanup(setattr, etcd, 'patrolint', etcd.patrolint)
        etcd.patrolint = lambda *arguments: patrolint(*arguments, '--grpc')

    def test_tls(self):
        certificates = Certificates(self.servers)
        store = Etcd(self.servers, certificates=certificates)

        def way(**settings):
            section = {'hosts': store.hosts, 'protocol': 'https', **{name: str(value) for name, value in settings.items()}}
            return '--online', '-c', self.servers.configuration({'etcd3': section})
        own = {'cert': certificates.client, 'key': certificates.client_key}
        self.assert_works(store, *way(cacert=certificates.authority, **own))
        for settings in (own, {'cacert': certificates.client, **own}, {'cacert': certificates.authority}):
            self.assert_fails('TLS fails', *way(**settings), '--rest-timeout', '1')
        self.assert_fails('cannot use .*nowhere.crt', *way(cacert='nowhere.crt', **own))
        self.assert_fails('cannot leave certificates unchecked', *way(**own), '--insecure')


# They are inherited, and not to run on their own.
def load_tests(loader, *_):
    return loader.loadTestsFromTestCase(GrpcTest)


if __name__ == '__main__':
    unittest.main()
