#!/usr/bin/env python3
"""patrolint reads real etcd through gRPC: what tests/live/etcd.py does through the JSON gateway. Building it needs protoc.

    tests/live/etcd_grpc.py
"""
import unittest

import etcd
import full
from servers import patrolint


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


# They are inherited, and not to run on their own.
def load_tests(loader, *_):
    return loader.loadTestsFromTestCase(GrpcTest)


if __name__ == '__main__':
    unittest.main()
