/*
 * What a waiting JVM cannot do by itself when it becomes a function's: change the process's working directory, which
 * java.io resolves relative paths against, and its environment, which child processes and native libraries read.
 * Built by `node tools/build-java-native.ts`; linked to no library, so that any C library serves.
 */
#include <jni.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

const char lambent_sources[] = "lambent-sources:" SOURCES_DIGEST;

/* A copy that ends with a zero byte; NULL when there is no memory. */
static char *copy_of(JNIEnv *jni, jbyteArray bytes) {
  jsize length = (*jni)->GetArrayLength(jni, bytes);
  char *copy = malloc((size_t)length + 1);
  if (copy == NULL) return NULL;
  (*jni)->GetByteArrayRegion(jni, bytes, 0, length, (jbyte *)copy);
  copy[length] = 0;
  return copy;
}

/* Replaces the environment by these "NAME=value" and changes into the directory. False when either is impossible. */
JNIEXPORT jboolean JNICALL Java_lambent_runtime_ProcessState_become(
    JNIEnv *jni, jclass type, jobjectArray variables, jbyteArray directory) {
  (void)type;
  jsize count = (*jni)->GetArrayLength(jni, variables);
  char **block = calloc((size_t)count + 1, sizeof *block);
  if (block == NULL) return JNI_FALSE;
  for (jsize at = 0; at < count; at++) {
    jbyteArray variable = (*jni)->GetObjectArrayElement(jni, variables, at);
    block[at] = copy_of(jni, variable);
    (*jni)->DeleteLocalRef(jni, variable);
    if (block[at] == NULL) return JNI_FALSE;
  }
  char *path = copy_of(jni, directory);
  if (path == NULL) return JNI_FALSE;
  environ = block;
  int failed = chdir(path);
  free(path);
  return failed ? JNI_FALSE : JNI_TRUE;
}
