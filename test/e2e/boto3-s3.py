"""Uploads, downloads and lists through boto3's transfers; exits with an assertion's message where S3 is not imitated."""

import hashlib
import os
import sys

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config

directory = sys.argv[1]
s3 = boto3.client("s3", config=Config(signature_version="s3v4", s3={"addressing_style": "path"}, retries={"max_attempts": 1}))
s3.create_bucket(Bucket="boto")

source = os.path.join(directory, "source.bin")
with open(source, "wb") as file:
    for _ in range(22):
        file.write(os.urandom(1 << 20))

settings = TransferConfig(multipart_threshold=8 << 20, multipart_chunksize=8 << 20, max_concurrency=3)
s3.upload_file(source, "boto", "a b/large.bin", Config=settings, ExtraArgs={"Metadata": {"from": "boto3"}})
head = s3.head_object(Bucket="boto", Key="a b/large.bin", ChecksumMode="ENABLED")
assert head["ETag"].endswith('-3"'), head
assert head["Metadata"] == {"from": "boto3"}, head
assert head["ContentLength"] == 22 << 20, head

target = os.path.join(directory, "target.bin")
s3.download_file("boto", "a b/large.bin", target, Config=settings)


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


assert digest(source) == digest(target)

s3.put_object(Bucket="boto", Key="small", Body=b"small")
assert s3.get_object(Bucket="boto", Key="small")["Body"].read() == b"small"
s3.copy({"Bucket": "boto", "Key": "a b/large.bin"}, "boto", "copy.bin", Config=settings)
keys = [each["Key"] for page in s3.get_paginator("list_objects_v2").paginate(Bucket="boto", PaginationConfig={"PageSize": 1}) for each in page["Contents"]]
assert keys == ["a b/large.bin", "copy.bin", "small"], keys

try:
    s3.get_object(Bucket="boto", Key="none")
    raise AssertionError("there is no such key")
except s3.exceptions.NoSuchKey as error:
    assert error.response["Error"]["Key"] == "none", error.response

url = s3.generate_presigned_url("get_object", Params={"Bucket": "boto", "Key": "small"}, ExpiresIn=60)
import urllib.request

assert urllib.request.urlopen(url).read() == b"small"
post = urllib.request.Request(
    s3.generate_presigned_url("put_object", Params={"Bucket": "boto", "Key": "by url"}), data=b"by url", method="PUT"
)
assert urllib.request.urlopen(post).status == 200
assert s3.get_object(Bucket="boto", Key="by url")["Body"].read() == b"by url"
print("done")
